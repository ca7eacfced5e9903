#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""owl2-convert on the published families: what the model file says of pictures
and recipes, options that say else, and relatives that are refused by name.

    test_convert_families.py OWL2_CONVERT [unittest arguments]
"""

import os
import subprocess
import sys
import unittest

import make_checkpoint as mc
import make_families as mf
import test_convert_errors as errors
from read_gguf import read_gguf

MODE, RECIPE = "mplug-owl2.vision.image_mode", "mplug-owl2.recipe"


class Families(errors.Case):
    def convert(self, *arguments):
        done = subprocess.run([errors.CONVERT, *arguments, self.out], text=True,
                              capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        keys, tensors = read_gguf(self.out)
        return keys.get(MODE), keys.get(RECIPE), done.stderr, tensors

    def test_all(self):
        for name, of in mf.FAMILIES.items():
            with self.subTest(name):
                arguments = mf.make(name, os.path.join(self.dir, name))
                mode, recipe, said, tensors = self.convert(*arguments)
                self.assertEqual((mode, recipe), (of.image_mode, of.recipe))
                shapes = mc.parameter_shapes(mf.make_config())
                self.assertEqual(len(tensors), len(shapes) + 2 * 2)
                self.assertEqual("the recipe is '" in said,
                                 of.recipe is not None)
                self.assertNotIn("warning", said)

    def test_options(self):
        base, = mf.make("one-align", self.dir)
        for options, wanted in (
                ((), ("pad", "quality")),
                (("--image-mode", "crop"), ("crop", "quality")),
                (("--image-mode", "Stretch"), ("stretch", "quality")),
                (("--image-mode", "auto"), (None, "quality")),
                (("--recipe", "none"), ("pad", None)),
                (("--recipe", "one that comes later"),
                 ("pad", "one that comes later"))):
            with self.subTest(options):
                self.assertEqual(self.convert(*options, base)[:2], wanted)

    def test_usage(self):
        self.dir, = mf.make("one-align", self.dir)
        for options, text in (
                (("--image-mode", "square"), "not auto, stretch, pad or crop"),
                (("--recipe", ""), "no name of 1 to 64"),
                (("--recipe", "x" * 65), "no name of 1 to 64"),
                (("--recipe", "a\x1b"), "no name of 1 to 64")):
            with self.subTest(options):
                done = self.run_tool(*options)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(text, done.stderr)
        self.assertEqual(os.listdir(self.out_dir), [])

    def test_aspect(self):
        """As process_images() of the published code, and nothing if the file
        says nothing."""
        for value, mode in (("pad", "pad"), ("resize", "stretch"),
                            ("square", "crop"), ("", "crop"), (None, None)):
            with self.subTest(value):
                self.write()
                self.edit_json("config.json", image_aspect_ratio=value)
                keys, _ = self.accepted()
                self.assertEqual(keys.get(MODE), mode)
        self.edit_json("config.json", image_aspect_ratio=3)
        os.unlink(self.out)
        self.refused("config.json: image_aspect_ratio is not a string")

    def test_names(self):
        """A name makes no recipe unless it is that of a scorer; the folder's
        goes before the one that it was trained from."""
        for folder, path, recipe in (
                ("one-align-2", "x/y", None), ("x", "q-future/one-align",
                                               "quality"),
                ("x", "one-align", "quality"), ("x", "", None),
                ("co-instruct", "q-future/one-align", "co-instruct"),
                ("models--q-future--q-align-vqa/snapshots/1", "", "video-quality"),
                ("models--q-future--q-align-vqa/snapshot/1", "", None),
                ("models--q-align-vqa/snapshots/1", "", None)):
            with self.subTest(folder=folder, path=path):
                self.config["_name_or_path"] = path
                base = os.path.join(self.dir, folder)
                mc.write_checkpoint(base, self.config, self.tensors)
                self.assertEqual(self.convert(base)[1], recipe)

    def lines(self, done):
        return [line for line in super().lines(done)
                if "the published code crops" not in line]

    def test_levels(self):
        self.config["level_ids"] = [1, 2]
        for prefix, recipe in (([3], "deqa"), (None, None)):
            self.config["level_prefix"] = prefix
            self.write()
            self.assertEqual(self.convert(self.dir)[1], recipe)

    def test_relatives(self):
        for name, (_, text) in mf.RELATIVES.items():
            with self.subTest(name):
                self.dir = os.path.join(os.path.dirname(self.out_dir), name)
                mf.make_relative(name, self.dir)
                line = self.refused(text)
                self.assertRegex(line, "another architecture than mPLUG-Owl2, "
                                 "not supported$")


if __name__ == "__main__":
    errors.CONVERT = sys.argv[1]
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])

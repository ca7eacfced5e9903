# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws the training pictures once, into a folder that training then reads.

    python3 pool.py DIR SHARD SHARDS [PART]

PART of the pictures of each kind (1: all) are drawn, and half of that of those that a model file which is trained
further has seen before.  Each shard is drawn by one process and read by one training process.
"""
import os
import pickle
import sys
import time

import numpy as np

import patterns
import styles
import tasks
import things
import unknown
import world
from vocab import PATTERN_NAMES, WORDS

# (kind, words, first index, how many) for images and for clips; "styled" is a kind of world.py in the styles of styles.py
IMAGES = [('shapes', None, 0, 36000), ('text', 'known', 0, 81000), ('text', 'trained', 1000000, 8000),
          ('pattern', None, 0, 4000), ('plain', None, 0, 2000), ('photo', None, 0, 9000),
          ('styled shapes', None, 0, 30000), ('styled text', 'known', 0, 24000), ('styled text', 'trained', 1000000, 5000),
          ('styled plain', None, 0, 4000), ('thing', None, 0, 36000), ('unknown', None, 0, 16000)]
CROWDS = [('crowd', None, 0, 36000)]
CLIPS = [('shapes', None, 0, 15000), ('text', 'known', 0, 700), ('pattern', None, 0, 2600), ('plain', None, 0, 700),
         ('photo', None, 0, 2000), ('styled shapes', None, 0, 8000), ('styled plain', None, 0, 700),
         ('thing', None, 0, 6000), ('unknown', None, 0, 1500)]
NEW = 'styled ', 'thing', 'unknown'     # what the stages before `see` don't draw
CODEC = 0.06
AUX = ('shape', 'colour', 'letters', 'thing', 'table')


def make(split, index, kind, words, frames, photos):
    """(scene, frames as drawn, letter boxes)"""
    if kind == 'photo':
        return (*photos.sample(split, index, frames), [])
    if kind == 'unknown':
        return (*unknown.sample(split, index, frames, photos), [])
    if kind == 'thing':
        scene = things.sample(split, index, frames)
        return (scene, *things.render(scene))
    if kind.startswith('styled '):
        scene = styles.sample(split, index, kind[len('styled '):], frames, words)
        return (scene, *styles.render(scene))
    pattern = kind == 'pattern'
    scene = patterns.sample(split, index, frames) if pattern else world.sample(split, index, kind, frames, words)
    # Half of the small writing is drawn here, the other half is GStreamer's.
    rng = world.generator(split, index, 850 + frames)
    small = scene.pop('small') if scene.get('small') and rng.random() < 0.5 else None
    drawn, boxes = (patterns.render(scene), []) if pattern else world.render(scene)
    if small:
        scene['small'] = small
        drawn = patterns.overlay(rng, small, drawn)
    return scene, drawn, boxes


def noisy(scene):
    """Whether there is noise that an encoder would take away."""
    return scene.get('style', {}).get('noise') is not None


def build(directory, name, plan, frames, shard, shards, size=world.SIZE):
    """plan: [(kind, words, first, how many)]"""
    path = os.path.join(directory, '%s-%d' % (name, shard))
    if os.path.exists(path + '.pickle'):
        return
    photos = patterns.Photos(False)
    jobs = [(kind, words, first + i) for kind, words, first, n in plan for i in range(shard, n, shards)]
    pictures = np.lib.format.open_memmap(path + '.npy', 'w+', np.uint8, (len(jobs), frames, size, size, 3))
    scenes, aux = [], []
    start = time.time()
    for at, (kind, words, index) in enumerate(jobs):
        scene, drawn, boxes = make('train', index, kind, words, frames, photos)
        rng = world.generator('train', index, 900 + frames)
        worn = 'style' in scene or kind == 'unknown'
        if rng.random() < CODEC and kind not in ('plain', 'photo', 'crowd') and not (worn and noisy(scene)):
            drawn = patterns.codec(rng, drawn)
        elif not worn and (kind != 'photo' or rng.random() < 0.5):
            drawn = world.degrade(rng, drawn)
        pictures[at] = [world.squash(f, size) for f in drawn]
        number = 1 + PATTERN_NAMES.index(scene['name']) if scene['type'] == 'pattern' else 0
        if scene.get('name') == 'a blinking screen':
            number = tasks.UNCLEAR
        aux.append([tasks.aux_targets(scene, f, boxes, number) for f in range(frames)])
        scenes.append(scene)
        if at % 2000 == 0:
            print('%s %d of %d, %.0f s' % (path, at, len(jobs), time.time() - start), flush=True)
    pictures.flush()
    for k, what in enumerate(AUX):
        np.save('%s-%s.npy' % (path, what), np.array([[f[k] for f in item] for item in aux]))
    with open(path + '.pickle.tmp', 'wb') as f:
        pickle.dump(scenes, f)
    os.rename(path + '.pickle.tmp', path + '.pickle')


class Pool:
    """Pictures [n, frames, S, S, 3], their scenes, and the targets of the throw-away heads."""

    def __init__(self, directory, name, shard):
        path = os.path.join(directory, '%s-%d' % (name, shard))
        self.pictures = np.load(path + '.npy', mmap_mode='r')
        self.scenes = pickle.load(open(path + '.pickle', 'rb'))
        self.aux = [np.load('%s-%s.npy' % (path, w)) for w in AUX]
        kinds = np.array([self.kind(s) for s in self.scenes])
        self.by_type = {k: np.nonzero(kinds == k)[0] for k in np.unique(kinds)}

    @staticmethod
    def kind(scene):
        """The type of a scene; of a word whether it is one of the known ones, of shapes whether there is one, or several,
        or some that share a colour or a shape. A coloured ball is drawn as patterns are."""
        kind = scene['type']
        if kind == 'text':
            kind = 'word' if scene['text']['word'] in WORDS else 'letters'
        elif kind == 'shapes' and 'pattern' in scene:
            kind = 'pattern'
        elif kind == 'shapes':
            kind = 'one shape' if len(scene['objects']) == 1 else 'alike' if tasks.alike(scene) else 'shapes'
        elif scene.get('unclear'):
            kind = 'unknown'
        return 'styled ' + kind if 'style' in scene and kind != 'thing' else kind

    def draw(self, rng, n, weights):
        """n indices; weights: kind -> share"""
        kinds = [k for k in weights if k in self.by_type]
        w = np.array([weights[k] for k in kinds], float)
        out = []
        for k in rng.choice(kinds, n, p=w / w.sum()):
            out.append(int(rng.choice(self.by_type[k])))
        return out


if __name__ == '__main__':
    os.makedirs(sys.argv[1], exist_ok=True)
    shard, shards, part = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]) if len(sys.argv) > 4 else 1.0
    for name, plan, frames in (('clips', CLIPS, world.FRAMES), ('crowds', CROWDS, 1), ('images', IMAGES, 1)):
        build(sys.argv[1], name, [(*kind, max(1, int(n * (part if part == 1 or kind[0].startswith(NEW) else part / 2))))
                                  for *kind, n in plan], frames, shard, shards)

# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tokenizer: 1024 SentencePiece BPE pieces trained on the world's own sentences.

    python3 tokenizer.py OUT.model

Words on screen are left out of the text it learns from, and only their letters
are given to it, so that they are spelled letter by letter.
"""
import functools
import os
import sys

import numpy as np
import sentencepiece

import facts
import questions
import world
from phrasings import trained
from vocab import LETTERS, PATTERN_NAMES, SHORT


def corpus():
    rng = np.random.default_rng(7)
    lines = [SHORT] * 50
    for f in facts.FACTS:
        lines += (f.asked + [f.answer]) * 12 + trained(f.more) + [f.short]
    lines += ['USER:', 'ASSISTANT:'] * 50 + [p for p in PATTERN_NAMES for _ in range(20)]
    for i in range(6000):
        scene = world.sample('train', i, 'shapes', 1 if i % 3 else 4)
        for kind, q, a in questions.some(rng, scene, 4):
            lines += [q, a]
    for i in range(600):
        lines += list(facts.sample(rng))
        scene = world.sample('train', i, 'plain', 1)
        for kind, q, a in questions.some(rng, scene, 3):
            lines += [q, a]
    lines += [' '.join(LETTERS), 'The text says "', 'The word "', '" in red on a plain background.'] * 100
    lines += [''.join(chr(c) for c in range(33, 127))] * 4
    return lines


def train(path):
    stem = path[:-len('.model')]
    text = stem + '.txt'
    with open(text, 'w') as f:
        f.write('\n'.join(corpus()))
    sentencepiece.SentencePieceTrainer.train(
        input=text, model_prefix=stem, model_type='bpe', vocab_size=1024, byte_fallback=True,
        normalization_rule_name='identity', add_dummy_prefix=True, remove_extra_whitespaces=False,
        split_digits=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, character_coverage=1.0,
        max_sentencepiece_length=16, num_threads=1, input_sentence_size=0, hard_vocab_limit=True)
    os.unlink(stem + '.vocab')
    os.unlink(text)


class Tokenizer:
    def __init__(self, path):
        self.sp = sentencepiece.SentencePieceProcessor(model_file=path)

    @functools.lru_cache(100000)
    def encode(self, text):
        return self.sp.encode(text)

    def decode(self, ids):
        return self.sp.decode(ids)

    def head(self):
        """What stands before the image rows (or the question, in a prompt without image)."""
        return [1] + self.encode('USER: ')

    def ask(self, question):
        return self.encode(question + ' ASSISTANT:')

    def ask_text(self, question):
        return [1] + self.encode('USER: ' + question + ' ASSISTANT:')

    def again(self, question):
        """A further turn: the end of the answer before it, and the next question."""
        return [2] + self.encode('USER: ' + question + ' ASSISTANT:')


if __name__ == '__main__':
    train(sys.argv[1])

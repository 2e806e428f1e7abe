"""Record what Hugging Face `tokenizers` learns from, and makes of, a small nasty text.

Run `python tests/unit/recorded/make_tokenizer.py` to write tokenizer.json beside this file: the
vocab_size asked for, the texts, the merges as pairs of ids, the names of the first tokens, and the
ids of every text. Trained on so little text, almost every merge is decided by the rule for ties.
"""

import json
import random
import sys
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SPECIAL = ["<|endoftext|>", "<|user|>"]
VOCAB_SIZE = 480

TEXTS = {
    "empty": "",
    "plain": "The quick brown fox jumps over the lazy dog; the dog doesn't jump, it's lazy. 1234.5",
    "contractions": "we're I'd you'll they've I'm can't it's DON'T 'tis rock'n'roll ''s '",
    "code": "def f(x):\n    if x:\n        return {'a': [x, -x]}\n\n\treturn x**2  # x\u00b2\n\n\n",
    "emoji": "ok \U0001f600\U0001f600 thumbs \U0001f44d\U0001f3fd flag \U0001f1eb\U0001f1f7",
    "joined emoji": "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \u2764\ufe0f",
    "chinese": "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u4f60\u597d\uff0c\u4f60\u597d\u3002\U00020bb7",
    "japanese and korean": "\u3053\u3093\u306b\u3061\u306f\u30fc \ud55c\uad6d \u1112\u1161\u11ab",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u202e\u0645\u0631\u062d\u0628\u0627\u202c \u0661",
    "zero width": "a\u200bb\u200c\u200dc\ufeffd\u2060e\u00adf \u200b \u200b",
    "line ends": "1\r\ntwo\r\n\r\nthree\rfour\n five\u2028six\u2029seven\x85eight\x0b\x0cnine\r\n",
    "one character": "a" * 300 + " " + "a" * 7 + "!" * 100 + "\u00e9" * 33 + "7" * 41,
    "spaces": "x" + " " * 97 + "y" + "\t" * 9 + " \t \t z" + "\n" * 17 + "w" + " " * 5,
    "other spaces": "a\u00a0b\u3000c\u2003\u2003d\u1680e\u202f\u205ff\x1cg\x1d\x1e\x1fh\u180ei",
    "combining marks": "\u0301\u0301 e\u0301 \u0300a n\u0303\u0303\u0303 Z\u0351\u036b \u0e33",
    "accents": "\u00c0 la carte, \u01c5 \u00c5ngstr\u00f6m, \u0130stanbul, stra\u00dfe, \ufb01",
    "numbers": "3.14 1,000 \u00bd \u2163 \u00b2\u00b3 \u0967\u0968 \u3007 0x1F 1e-5 2nd",
    "private use": "\ue000\uf8ff\U000f0000\U0010fffd \ufffd\ufffe\uffff\U0010ffff",
    "control": "\x00\x00a\x00 \x01\x7f\x80\x9f\x1b[0m \x08",
    "signs of bytes": "\u0120the \u010a \u00c2\u00a0 \u0143 \u00ad",
    "special tokens": "<|endoftext|>a<|endoftext|><|user|> <|endoftext |> <|end<|user|>oftext|>",
}


def random_text(seed: int, n: int = 150) -> str:
    """Return n characters, each from a range picked at random; surrogates are left out."""
    rng = random.Random(seed)
    ranges = [(0x20, 0x7E), (0x00, 0xFF), (0x300, 0x36F), (0x3040, 0x30FF), (0x2000, 0x206F)]
    ranges += [(0x4E00, 0x4E40), (0xE000, 0xE010), (0x1F300, 0x1F64F), (0x10FF00, 0x10FFFF)]
    return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(n))


def make() -> dict:
    """Return what tokenizer.json holds."""
    texts = TEXTS | {f"random {seed}": random_text(seed) for seed in range(4)}
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts.values(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    id_of = model["vocab"]
    with_special = {name: tokenizer.encode(text).ids for name, text in texts.items()}
    tokenizer.encode_special_tokens = True
    return {
        "made_by": f"tokenizers {tokenizers.__version__}",
        "vocab_size": VOCAB_SIZE,
        "special_tokens": SPECIAL,
        "names": sorted(id_of, key=id_of.get)[: len(SPECIAL) + 256],
        "merges": [[id_of[a], id_of[b]] for a, b in model["merges"]],
        "texts": texts,
        "ids": {name: tokenizer.encode(text).ids for name, text in texts.items()},
        "ids_with_special": with_special,
    }


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("tokenizer.json")
    path.write_text(json.dumps(make()) + "\n", encoding="utf-8", newline="\n")

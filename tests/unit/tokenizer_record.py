"""What `tokenizers` gives for a few nasty texts: recorded/tokenizer.json, by make_tokenizer.py."""

import json
from pathlib import Path

RECORDED = json.loads(
    Path(__file__).with_name("recorded").joinpath("tokenizer.json").read_text(encoding="utf-8")
)
TEXTS = RECORDED["texts"]

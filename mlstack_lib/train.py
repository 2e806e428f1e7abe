"""Train a GPT: the loop, what it writes, and how it goes on after it was stopped."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import numpy as np
from tqdm import tqdm

from . import checkpoint
from .anomaly import detect_anomaly
from .array import Slot
from .autograd import no_grad
from .checkpoint import Checkpoint
from .corpora import Corpus, load_corpus
from .data import IGNORE, BatchSampler, Tokens, prepare, validation_windows
from .errors import BadInput, CouldNotFinish
from .feed import Feed, update
from .optim import AdamW
from .parallel import DataParallel
from .presets import TrainConfig
from .run import Run, make_tokenizer, refuse_occupied

READ_EVERY = 10  # updates between two looks at what the device has computed
BAR = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class Interrupted(Exception):
    """Ctrl-C came; the run was saved and can go on."""


def start(config: TrainConfig, folder: Path) -> "Trainer":
    """Begin a run in a new folder: make its tokenizer and tokens. Raises BadInput.

    The folder is made last, when nothing is left that could be refused.
    """
    refuse_occupied(folder)
    if config.steps < 1:
        raise BadInput(f"steps is {config.steps}, must be at least 1")
    corpus = load_corpus(config.corpus)
    bars = sys.stderr.isatty()
    tokenizer = make_tokenizer(config, corpus, bars)
    tokens = prepare(corpus, tokenizer, bars)
    trainer = Trainer(Run(folder, config, tokenizer), corpus, tokens)
    validation_windows(tokens, config.context, config.batch)  # raises if there is too little
    Run.create(folder, config, tokenizer)
    return trainer


def resume(folder: Path) -> "Trainer":
    """Open a run at its latest checkpoint. Raises BadInput if what it was made of has changed."""
    run = Run.open(folder)
    found = run.latest()
    if run.config.steps == 0:
        raise BadInput(f"{folder} holds imported weights, which cannot be trained on")
    corpus = load_corpus(run.config.corpus)
    if found is not None and found.corpus != corpus.fingerprint:
        raise BadInput(
            f"the text of corpus {corpus.name} is not what {folder} was trained on "
            "(python-stdlib differs from one Python to the next): start a new run"
        )
    trainer = Trainer(run, corpus, prepare(corpus, run.tokenizer, sys.stderr.isatty()))
    if found is not None:
        trainer.restore(found)
    return trainer


class Trainer:
    """A model, its optimizer and its stream of batches, at some update of a run."""

    def __init__(self, run: Run, corpus: Corpus, tokens: Tokens):
        self.run, self.config, self.tokens = run, run.config, tokens
        self.corpus = corpus.fingerprint
        c = self.config
        self.model = run.new_model()
        self.optimizer = AdamW(
            self.model,
            betas=(c.beta1, c.beta2),
            weight_decay=c.weight_decay,
            max_norm=c.max_norm,
        )
        self.parallel = DataParallel(self.model, self.optimizer)
        self.device = self.optimizer.device
        self.device.forget_steps()
        order = np.random.default_rng([c.seed, 1])
        self.sampler = BatchSampler(tokens, c.batch, c.context, order)
        vocabulary = self.model.config.vocab_size
        self.feed = Feed(self.device, READ_EVERY, c.accumulate, c.batch, c.context, vocabulary)
        self.step = 0
        self.stopping = False

    # ---- the loop ----

    def train(self) -> None:
        """Train to the last update. Raises Interrupted, CouldNotFinish."""
        c = self.config
        checkpoint.keep_last(self.run.folder, c.keep)
        self.run.rewind_log(self.step)
        bar = tqdm(
            total=c.steps, initial=self.step, disable=None, dynamic_ncols=True, bar_format=BAR
        )
        # numbers that are not finite stop the run with a reason: NumPy need not warn of them too
        with bar, self._catch_interrupt(), np.errstate(all="ignore"):
            while self.step < c.steps:
                began, first = time.perf_counter(), self.step
                entries = self._updates(self._until_next_stop())
                speed = self._tokens_in(self.step - first) / (time.perf_counter() - began)
                self.run.append_log(entries)
                last = entries[-1]
                bar.set_postfix_str(
                    f"loss {last['loss']:.3f}, lr {last['lr']:.1e}, {speed:,.0f} tokens/s"
                )
                bar.update(self.step - first)
                if self.step % c.eval_every == 0 or self.step == c.steps:
                    self._look(bar)
                stopping = self.stopping  # looked at once: Ctrl-C may come while this is read
                if self.step % c.save_every == 0 or self.step == c.steps or stopping:
                    self.save()
                if stopping and self.step < c.steps:
                    raise Interrupted

    def _until_next_stop(self) -> int:
        c = self.config
        stops = [every - self.step % every for every in (c.eval_every, c.save_every)]
        return min(READ_EVERY, c.steps - self.step, *stops)

    def _tokens_in(self, updates: int) -> int:
        return updates * self.config.accumulate * self.config.batch * self.config.context

    def _look(self, bar: tqdm) -> None:
        nats, bits = self.evaluate()
        if not np.isfinite(nats):
            self._explain(f"validation after update {self.step}", self.evaluate)
        entry = {"step": self.step, "valid_nats_per_token": nats, "valid_bits_per_byte": bits}
        self.run.append_log([entry])
        bar.write(
            f"step {self.step}: validation loss {nats:.4f} nats/token, {bits:.4f} bits/byte",
            file=sys.stderr,
        )

    @contextmanager
    def _catch_interrupt(self) -> Iterator[None]:
        """Let Ctrl-C end the loop after the update at work; a second one ends it at once."""

        def stop(*_):
            if self.stopping:
                raise KeyboardInterrupt
            self.stopping = True
            with suppress(RuntimeError):  # the bar was writing to the same stream just now
                print("\nsaving; press Ctrl-C again to stop at once", file=sys.stderr)

        try:
            before = signal.signal(signal.SIGINT, stop)
        except ValueError:  # not in the main thread: then Ctrl-C does not come here
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    # ---- updates ----

    def _updates(self, count: int) -> list[dict]:
        """Make up to `count` updates, with no transfers between them; return log entries."""
        first, began = self.step + 1, time.time()
        batches, positions = self._draw(count)
        rate = self.config.rates()
        rates = [rate(step) for step in range(first, first + count)]
        self.feed.load(batches, self.optimizer.schedule(first, rates))
        self.feed.set_state(DROPOUT=self.step * self.config.accumulate)
        self.model.train()
        done = 0
        while done < count and not (self.stopping and done):
            self.device.replay("update", lambda: update(self.parallel, self.feed))
            done += 1
        means, norms = self.feed.results(done)
        if self.device.download(self.device.state)[Slot.HALTED]:
            row = int(np.flatnonzero(~np.isfinite(norms))[0])
            self._explain(f"update {first + row}", lambda: self._repeat(row, batches))
        self.step += done
        self.sampler.restore(positions[done - 1])
        rows = zip(range(first, first + done), means.tolist(), rates, norms.tolist(), strict=False)
        names, began = ("step", "loss", "lr", "grad_norm"), round(began, 3)
        return [dict(zip(names, row, strict=True), time=began) for row in rows]

    def _draw(self, count: int):
        """The batches of `count` updates as tables, and where the sampler stands after each."""
        drawn, positions = [], []
        for _ in range(count):
            drawn += [self.sampler.next() for _ in range(self.config.accumulate)]
            positions.append(self.sampler.state())
        idx, targets = (np.stack(part) for part in zip(*drawn, strict=True))
        order = np.argsort(idx.reshape(len(idx), -1), axis=1, kind="stable").astype(np.int32)
        return (idx, targets, order), positions

    def _repeat(self, row: int, batches) -> None:
        """Compute the gradient of an update of those that `_updates` was about once more.

        None was made since, so the weights still are what they were before it.
        """
        parts = self.config.accumulate
        self.optimizer.zero_grad()
        for part in range(row * parts, (row + 1) * parts):
            idx, targets, order = (self.device.upload(table[part]) for table in batches)
            self.feed.set_state(DROPOUT=self.step * parts + part + 1)
            self.model.loss(idx, targets, order).backward()

    def _explain(self, when: str, repeat: Callable[[], object]) -> NoReturn:
        """Raise CouldNotFinish with the op that makes the first number that is not finite."""
        reason = "the norm of the gradient is too large for f32, though each number is finite"
        try:
            with detect_anomaly():
                repeat()
        except FloatingPointError as error:
            reason = str(error)
        saved = checkpoint.latest(self.run.folder)
        at = f"; the last checkpoint is {saved}" if saved else ""
        raise CouldNotFinish(f"training stopped at {when}: {reason}{at}")

    # ---- validation, checkpoints ----

    def evaluate(self) -> tuple[float, float]:
        """The loss on the whole validation split: nats a token, bits a byte of its text.

        The split is cut into windows that do not overlap; all tokens but the first are predicted.
        """
        self.model.eval()
        total = count = 0.0
        for idx, targets in validation_windows(self.tokens, self.config.context, self.config.batch):
            kept = int((targets != IGNORE).sum())
            with no_grad(), self.device.step("evaluate"):
                loss = self.model.loss(self.device.upload(idx), self.device.upload(targets))
                total += loss.item() * kept
                del loss
            count += kept
        return total / count, total / np.log(2) / self.tokens.valid_bytes

    def save(self) -> None:
        """Write a checkpoint of this moment, then delete those beyond the last few."""
        state = Checkpoint(
            step=self.step,
            weights=self.model.state_dict(),
            moments=self.optimizer.moment_dict(),
            sampler=self.sampler.state(),
            config=asdict(self.config),
            tokenizer=self.run.tokenizer.fingerprint,
            corpus=self.corpus,
        )
        state.save(checkpoint.path_of(self.run.folder, self.step))
        checkpoint.keep_last(self.run.folder, self.config.keep)

    def restore(self, found: Checkpoint) -> None:
        """Go to the moment of a checkpoint. Raises BadInput if it does not fit."""
        shapes = [
            {name: moment.shape for name, moment in moments.items()}
            for moments in (found.moments, self.optimizer.moment_dict())
        ]
        if shapes[0] != shapes[1]:
            raise BadInput(
                f"the checkpoint of update {found.step} holds the moments {shapes[0]}, this "
                f"optimizer has {shapes[1]}"
            )
        self.model.load_state_dict(found.weights)
        self.optimizer.load_moment_dict(found.moments)
        self.sampler.restore(found.sampler)
        self.step = found.step

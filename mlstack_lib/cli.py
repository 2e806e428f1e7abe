"""The command line: `mlstack COMMAND ...`, the same as `python -m mlstack_lib COMMAND ...`.

Exit status: 0 done; 1 could not finish; 2 bad input; 130 interrupted.
"""

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

import numpy as np

from . import export, report, train
from .bench import command as measuring
from .conformance import matrix, uses
from .conformance.overlay import laid_over
from .course import doctor
from .devices import NAMES, device
from .errors import BadInput, CouldNotFinish, nearest
from .generate import generate
from .launchers import cublaslt
from .presets import PRESETS, TrainConfig, preset
from .run import Run
from .sim import command as simulation
from .tokenizer import StreamDecoder


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit status."""
    for stream in (sys.stdout, sys.stderr):  # a Windows console may not know every character
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    status = _status(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would flush once more at its end, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"mlstack: cannot write the output: {error.strerror}", file=sys.stderr)
        return status or 1
    return status


def _status(arguments: list[str] | None) -> int:
    try:
        options, rest = _parser().parse_known_args(arguments)
        if options.command == "train":
            options.fields = _fields(rest)
        elif rest:
            raise BadInput(f"{options.command}: {rest[0]!r} is not expected here; see --help")
        return options.run(options) or 0
    except BadInput as error:
        print(f"mlstack: {error}", file=sys.stderr)
        return 2
    except CouldNotFinish as error:
        print(f"mlstack: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1  # the reader of our output has gone: there is nothing more to say
    except (OSError, MemoryError) as error:
        print(f"mlstack: {error or 'out of memory'}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mlstack: interrupted", file=sys.stderr)
        return 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise BadInput: one line, like every other error."""
        raise BadInput(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mlstack", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, text, **options):
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False, **options)
        sub.set_defaults(run=run)
        return sub

    _add_train_and_generate(command)
    sub = command("export", _export, "write a run's weights as Hugging Face's GPT-2 has them")
    sub.add_argument("folder", type=Path, metavar="RUN")
    sub.add_argument("file", type=Path, metavar="FILE", help="a .safetensors file to make")

    sub = command("import", _import, "make a run of GPT-2 weights from Hugging Face")
    sub.add_argument("file", type=Path, metavar="FILE", help="model.safetensors; its config.json "
                     "and tokenizer.json beside it")  # fmt: skip
    sub.add_argument("folder", type=Path, metavar="RUN")

    _add_course(command)
    text = "run a CUDA C kernel without a GPU, and say what is wrong with it"
    simulation.add_arguments(command("simulate", simulation.simulate, text))
    command("doctor", _doctor, "what this machine has, and what each missing part needs")
    text = "run every kernel on every device, and compare it with the reference"
    command("kernels", matrix.command, text).add_argument("--device", choices=NAMES)
    text = "measure the package on this machine, beside PyTorch if it is there"
    measuring.add_arguments(command("bench", measuring.bench, text))
    return parser


def _add_train_and_generate(command) -> None:
    names = ", ".join(f"--{field.name}" for field in fields(TrainConfig))
    sub = command(
        "train", _train, "train a GPT", epilog=f"Any field of the recipe can be set: {names}."
    )
    sub.add_argument("--preset", default="laptop", help=f"the recipe: {', '.join(PRESETS)}")
    sub.add_argument("--out", type=Path, help="the run's folder (default runs/PRESET)")
    sub.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    _add_kernels(sub)
    text = "on cuda: our kernels, or cuBLASLt in f32, or with factors rounded to TF32"
    sub.add_argument("--matmul", choices=cublaslt.CHOICES, default="kernel", help=text)

    sub = command("generate", _generate, "let a trained model write")
    sub.add_argument("folder", type=Path, metavar="RUN")
    sub.add_argument("--prompt", default="\n", help="what the text begins with")
    sub.add_argument("--tokens", type=int, default=200, help="how many to write at most")
    sub.add_argument("--temperature", type=float, default=0.8, help="0: always the likeliest")
    sub.add_argument("--top-k", type=int, help="choose among the k likeliest tokens")
    sub.add_argument("--top-p", type=float, help="choose among the likeliest that sum to p")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--stop", help="a token to end at (default: the end-of-text token)")
    sub.add_argument("--device", help="where to compute (default: where it was trained)")
    sub.add_argument("--no-cache", action="store_true", help="compute every window anew")
    _add_kernels(sub)


def _add_kernels(sub) -> None:
    sub.add_argument("--kernels", type=Path, metavar="DIR",
                     help="a folder whose kernel files win over the packaged ones")  # fmt: skip


def _add_course(command) -> None:
    sub = command("start", _course, "copy a chapter to work/, where you may change it freely")
    sub.add_argument("chapter", metavar="NN")
    sub.add_argument("--fresh", action="store_true", help="a new copy; keeps the old one, renamed")

    sub = command("check", _course, "say which exercises of a chapter are done")
    sub.add_argument("chapter", metavar="NN")

    sub = command("build", _course, "make the notebooks from chapters/src (for maintainers)")
    sub.add_argument("chapters", nargs="*", metavar="NN", help="default: all")
    sub.add_argument("--check", action="store_true", help="run nothing, name what is out of step")


def _fields(rest: list[str]) -> dict[str, str]:
    """The recipe's fields in `--name value` or `--name=value` form. Raises BadInput."""
    known = {field.name for field in fields(TrainConfig)}
    values, queue = {}, list(rest)
    while queue:
        word = queue.pop(0)
        name, equals, value = word.removeprefix("--").partition("=")
        name = name.replace("-", "_")
        if not word.startswith("--") or name not in known:
            hint = nearest(name, [*known, "preset", "out", "resume", "kernels"])
            raise BadInput(f"train: {word!r} is no option and no field of the recipe{hint}")
        if not equals:
            if not queue:
                raise BadInput(f"train: --{name} needs a value")
            value = queue.pop(0)
        values[name] = value
    return values


# ---- commands ----


def _train(options) -> int:
    recipe = preset(options.preset, **options.fields)
    folder = options.out or Path("runs") / options.preset
    if options.resume:
        if options.fields:
            raise BadInput("train: --resume takes the recipe from the run; give no fields with it")
        recipe = Run.open(folder).config
    where = recipe.device
    with laid_over(options.kernels, where), cublaslt.products(options.matmul, where):
        return _run(options, recipe, folder)


def _run(options, recipe: TrainConfig, folder: Path) -> int:
    if options.resume:
        trainer = train.resume(folder)
        print(f"{folder}: going on after update {trainer.step}")
    else:
        trainer = train.start(recipe, folder)
    model, tokens = trainer.model, trainer.tokens
    print(
        f"{folder}: {model.parameter_count():,} parameters, {len(tokens.train):,} tokens to train "
        f"on, {len(tokens.valid):,} to validate on"
    )
    try:
        trainer.train()
    except train.Interrupted:
        print(f"stopped after update {trainer.step} and saved; go on with: "
              f'mlstack train --resume --out "{folder}"')  # fmt: skip
        return 130
    print(report.table_of_functions())
    print(report.sample(trainer.run, model))
    print(f"the losses as a picture: {report.draw(trainer.run)}")
    print(report.summary(trainer.run))
    _print_kernels(recipe.device)
    return 0


def _print_kernels(name: str) -> None:
    if name != "cpu":
        print(uses.table(device(name)))


def _generate(options) -> int:
    for name, smallest in (("tokens", 1), ("seed", 0)):
        if getattr(options, name) < smallest:
            got = getattr(options, name)
            raise BadInput(f"--{name} is {got}, must be at least {smallest}")
    run = Run.open(options.folder)
    where = options.device or run.config.device
    with laid_over(options.kernels, where):
        _print_text(options, run)
        if options.kernels:
            _print_kernels(where)
    return 0


def _print_text(options, run: Run) -> None:
    model = run.load_model(options.device)
    prompt = run.tokenizer.encode(options.prompt, allow_special=True)
    decoder = StreamDecoder(run.tokenizer)
    tokens = generate(
        model,
        prompt,
        rng=np.random.default_rng(options.seed),
        tokens=options.tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        stop=_stop_token(run.tokenizer, options.stop),
        cached=not options.no_cache,
    )
    print(options.prompt, end="", flush=True)
    for token in tokens:
        print(decoder.push(token), end="", flush=True)
    print(decoder.finish())


def _stop_token(tokenizer, text: str | None) -> int | None:
    if text is None:
        return tokenizer.end_of_text
    ids = tokenizer.encode(text, allow_special=True)
    if len(ids) != 1:
        raise BadInput(f"--stop {text!r} is {len(ids)} tokens, must be one")
    return int(ids[0])


def _export(options) -> None:
    print(
        "\n".join(
            f"wrote {path}" for path in export.export_run(Run.open(options.folder), options.file)
        )
    )


def _import(options) -> None:
    run = export.import_file(options.file, options.folder)
    print(f"made {run.folder}; try: mlstack generate {run.folder}")


def _doctor(_) -> None:
    print(doctor.report())


def _course(options) -> int | None:
    from .course import commands  # here: it loads Jupyter, which no other command needs

    return getattr(commands, options.command)(options)


if __name__ == "__main__":
    sys.exit(main())

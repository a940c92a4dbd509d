"""A model card in Markdown: what a person should know before using the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.scores import CLASS_NAMES


def card(record: Mapping[str, Any]) -> str:
    """The card of the run that ``record`` (the content of ``model.json``) describes."""
    parts = (_head(record), _data(record["split"], record), _figures(record), _limits(record))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(record: Mapping[str, Any]) -> list[str]:
    parameters, plan, features = record["parameters"], record["plan"], record["features"]
    names = ", ".join(features["names"])
    lines = [
        f"# {record['run']}",
        "",
        f"Classifies {record['window']:g} m segments of ICESat-2 tracks as {' or '.join(CLASS_NAMES)}.",
        "",
        f"- Model: {_MODELS[record['model']]}, {record['weights']} weights",
        f"- Input: {_seen(record)}; features, all label-free: {names}",
        f"- Training: {_pace(plan)}, seed {parameters['seed']}, {record['ranks']} rank(s)",
        f"- Made: {record['made']}",
    ]
    if record["synthetic"]:
        lines += ["", "**The data are synthetic.** No figure below says how well the model does on real tracks."]
    return lines


_MODELS = {
    "lstm": "LSTM of arXiv 2502.02700",
    "mlp": "MLP of arXiv 2502.02700",
    "context": "dilated convolutions along the track",
}


def _seen(record: Mapping[str, Any]) -> str:
    features = record["features"]
    if "steps" in features:
        return f"{features['steps']} consecutive segments"
    return f"every segment within {features['reach'] * record['window']:g} m"


def _pace(plan: Mapping[str, Any]) -> str:
    loss = f"focal loss (gamma {plan['gamma']:g})" if plan["focal"] else "cross-entropy"
    falling = ", falling" if plan["falls"] else ""
    return f"{plan['epochs']} epochs, batch {plan['batch']}, Adam {plan['learning_rate']:g}{falling}, {loss}"


def _data(split: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    clear = "clear or corrected labels only" if record["parameters"]["clear_only"] else "all labels, flagged ones too"
    lines = [
        "## Data",
        "",
        f"Snapshot {record['snapshot']}, {clear}; granules: {', '.join(split['granules'])}.",
        "",
        f"Test set: {split['how']}.",
    ]
    if not split["honest"]:
        lines += ["", "**Not an honest held-out test**: the test segments lie on tracks that were trained on."]
    rows = [[name, split["train"][name], split["test"][name]] for name in CLASS_NAMES]
    return [*lines, "", *_table(["windows", "train", "test"], rows)]


def _figures(record: Mapping[str, Any]) -> list[str]:
    metrics = record["metrics"]
    lines = ["## Scores on the test set", "", "Against the labels:", "", *_scores(metrics["labels"])]
    if metrics["truth"]:
        title = "Against the synthetic truth, every segment of the tracks that bear labels, held out:"
        lines += ["", title, "", *_scores(metrics["truth"])]
    return [*lines, "", *_groups(metrics["every_label"]["groups"]), "", *_calibration(record)]


def _groups(groups: Mapping[str, Any]) -> list[str]:
    """Accuracy against every label held out, the flagged and unused ones too, by what is said of it."""
    title = "By flag and by source, against every label that was held out, unused ones too:"
    rows = [
        [name, _percent(one["accuracy"]), _percent(one["macro_f1"]), one["windows"]] for name, one in groups.items()
    ]
    return [title, "", *_table(["labels", "accuracy", "macro F1", "windows"], rows)]


def _calibration(record: Mapping[str, Any]) -> list[str]:
    found, error = record["calibration"], record["metrics"]["labels"]["calibration"]["error"]
    if not found["labels"]:
        told = "No label was set aside to calibrate by: probabilities are the model's own."
    else:
        told = (
            f"Temperature {found['temperature']:.3f}, fitted to {found['labels']} labels set aside: expected "
            f"calibration error there {_percent(found['before'])} before, {_percent(found['after'])} after."
        )
    return ["## Calibration", "", told, "", f"Expected calibration error on the test labels: {_percent(error)}."]


def _scores(scores: Mapping[str, Any]) -> list[str]:
    rows = []
    for code, name in enumerate(CLASS_NAMES):
        one = scores["classes"][name]
        figures = [_percent(one[key]) for key in ("precision", "recall", "f1")]
        rows.append([name, *figures, one["windows"], *scores["confusion"][code]])
    heads = ["class", "precision", "recall", "F1", "windows", *(f"as {name}" for name in CLASS_NAMES)]
    overall = f"Accuracy {_percent(scores['accuracy'])}, macro F1 {_percent(scores['macro_f1'])}."
    return [overall, "", *_table(heads, rows)]


def _limits(record: Mapping[str, Any]) -> list[str]:
    clear = record["parameters"]["clear_only"]
    absent = [name for name in CLASS_NAMES if not record["split"]["train"][name]]
    limits = [f"No training window is {name}: the model cannot be trusted with it." for name in absent]
    limits += [
        "Labels come from scenes taken minutes to hours from the track; drift and cloud leave errors in them.",
        "Scores against labels share the labels' errors.",
        *(["Transitions and cloud are left out of the test labels too: whole tracks are harder."] if clear else []),
        "Heights count from the low ones within 5 km: far from any open water or thin ice, thick ice can look thinner.",
        f"Segments of another length than {record['window']:g} m, or other features, are refused.",
    ]
    return ["## Limits", "", *(f"- {limit}" for limit in limits)]


def _table(heads: list[str], rows: list[list[Any]]) -> list[str]:
    ruler = ["---"] + ["---:"] * (len(heads) - 1)
    return ["| " + " | ".join(str(cell) for cell in row) + " |" for row in (heads, ruler, *rows)]


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"

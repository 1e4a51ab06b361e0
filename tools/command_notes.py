"""What the pages of the commands say beside the options: an example, what is written, what the exit codes mean."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Note:
    """Text of a command's page that cannot be read from its class.

    Attributes:
        example: One or two commands, one per line.
        about: What the example does, in one or two sentences.
        writes: Files that the command writes, one line each.
        more: Links to pages that explain more.
        exit_codes: Exit codes with a special meaning for this command.
    """

    example: str
    about: str
    writes: tuple[str, ...]
    more: str
    exit_codes: dict[int | str, str] = dataclasses.field(default_factory=dict)


TITLES = {"train-reenactment": "train --system", "evaluate-reenactment": "evaluate --workspace"}
"""How subcommands are typed that stand for another one with an option."""

GROUPS = {
    "All at once": ("demo", "run"),
    "Faces": ("extract", "audit", "sort", "repair", "masks", "mask", "swap-parts", "pack", "unpack"),
    "Training and conversion": ("train", "convert", "export"),
    "Is it any good, and who made it": ("evaluate", "compare", "verify"),
    "A photo that moves": ("train-reenactment", "reenact", "express", "evaluate-reenactment"),
    "Project and machine": ("workspace", "weights", "doctor"),
}
"""Groups of the list of commands."""

CONSENT = "`W/consent.yaml`: your statement, if you passed `--consent`"
CREDENTIALS = (
    "signed Content Credentials inside the output, or a file `NAME.provenance.json` beside it if the format cannot "
    "carry them"
)
NOTHING = "nothing: it only prints"

NOTES = {
    "demo": Note(
        example="faceswap demo\nfaceswap demo --system one-shot",
        about="The first line swaps the two portraits; it takes some minutes on two CPU cores, and shows that the "
        "installation works. The second makes one portrait move like the other.",
        writes=(
            "`faceswap-demo/swap.mp4`: the result; `side_by_side.mp4` and `report.html` beside it",
            "a complete workspace: clips, crops, a trained run. You can go on with it",
        ),
        more="[Getting started](../getting-started.md#2-see-it-work), [results by eye](../results.md).",
    ),
    "run": Note(
        example='faceswap run A.mp4 B.mp4 --workspace W --preset lite --steps 2000 --consent "Anna and Ben agreed"',
        about="Extracts both people, trains, converts A's video and writes a report. The same command continues after "
        "an interruption, and with more `--steps` it trains longer.",
        writes=(
            "`W/swap.mp4`: A's video with B's face and A's sound",
            "`W/side_by_side.mp4` and `W/report.html`: to judge it",
            "`W/checks/swap.mp4.worst.png`: the worst face that was found",
            "`W/face_src`, `W/face_dst`, `W/models/RUN`: what `extract` and `train` write",
            CONSENT,
            CREDENTIALS,
        ),
        more="[Getting started](../getting-started.md), [filming two clips](../filming.md), [faults by "
        "picture](../faults.md).",
    ),
    "extract": Note(
        example='faceswap extract A.mp4 --workspace W --person a --consent "Anna and Ben agreed on 3 May"',
        about="Detects, tracks and aligns A's face in every frame. An interrupted extraction continues. Look at the "
        "crops afterwards, or let `faceswap audit` do it.",
        writes=(
            "`W/face_src` (person a) or `W/face_dst` (person b): one image per crop, `manifest.jsonl`, `source.json`, "
            "`tracks.npz`, `dropped.jsonl`",
            "`W/binary_masks`: one eye mask per crop",
            "with `--save-faces`: `W/faces` with raw and aligned faces and eye masks of one video",
            CONSENT,
        ),
        more="[Finding faces](../faces.md), [filming two clips](../filming.md), [facesets](../facesets.md).",
    ),
    "masks": Note(
        example="faceswap masks --workspace W",
        about="`extract` draws eye masks as well; this command draws those that are missing, for example after an "
        "import.",
        writes=("`W/binary_masks/face_src_eyes` and `face_dst_eyes`: one PNG per crop",),
        more="[Facesets](../facesets.md). What covers a face is another kind of mask: [mask](mask.md).",
    ),
    "sort": Note(
        example="faceswap sort --workspace W --person a --by blur",
        about="Shows the crops in the order of one measure. `--by best --target 2000 --copy-to DIR` copies the most "
        "useful ones.",
        writes=(
            "`W/sorted/face_src/MODE`: contact sheets, or the folder of `--sheets`",
            "with `--copy-to`: copies of the crops, numbered",
            "`scores.jsonl` beside the crops: the measures, which can be deleted",
        ),
        more="[Facesets: sorting](../facesets.md).",
    ),
    "audit": Note(
        example="faceswap audit --workspace W --person b\nfaceswap audit --workspace W --person b --apply",
        about="The first line only looks. The second also sets the proposed crops aside; `--restore` brings them back.",
        writes=(
            "`W/audit_b.html` (or `audit_a.html`): all measures, the head poses, the proposed rejects with their crops",
            "with `--apply`: the crops move to `set_aside` beside the others; nothing is deleted",
        ),
        more="[Filming: what audit says about bad crops](../filming.md#good-and-bad-crops), "
        "[facesets](../facesets.md#audit).",
    ),
    "mask": Note(
        example="faceswap mask --workspace W --train",
        about="Trains a small network that finds hands, cups and other things in front of a face, and applies it to "
        "all crops. Training and conversion then leave these pixels alone.",
        writes=(
            "`W/occlusion_masks/network.npz`: the network, with `--train`",
            "`W/occlusion_masks/face_src` and `face_dst`: one PNG per crop, white where the face is visible",
            "with `--export-labels`: polygons in the format of LabelMe or COCO, and nothing else",
        ),
        more="[Occlusion](../occlusion.md).",
    ),
    "repair": Note(
        example="faceswap repair A.mp4 --workspace W --person a\n"
        "faceswap repair A.mp4 --workspace W --person a --frame 12 --box 92 61 216 237",
        about="The first line lists the frames whose face has no crop. The second makes the crop of one of them.",
        writes=("one crop with its eye mask and its line of the manifest; without `--frame` nothing",),
        more="[Facesets: repair](../facesets.md).",
    ),
    "train": Note(
        example="faceswap train --workspace W --preset lite --steps 2000\n"
        "faceswap train --workspace W --preset lite --steps 2000 --estimate",
        about="The first line trains, or continues the run. The second only says how long it will take here, and how "
        "much memory it needs.",
        writes=(
            "`W/models/RUN/checkpoints`: the newest two, written every three minutes",
            "`W/models/RUN/previews`: images of what the networks draw; `history.jsonl`: the losses; `config.json`",
            "with `--sync-dir`: a copy of the newest checkpoint there; with `--tensorboard`: logs for TensorBoard",
            "with `--estimate`: nothing; with `--show-schedule`: only a picture of the schedule",
        ),
        exit_codes={1: "the training cannot continue, for example because a loss is NaN after three rollbacks"},
        more="[Training](../training.md), [is this normal?](../normal.md), [your machine](../platforms.md), [how to "
        "train a reenactment system](train-reenactment.md).",
    ),
    "train-reenactment": Note(
        example="faceswap train --system one-shot --workspace W",
        about="Trains networks that move a photo. `--system` names one of the three systems; without it, `faceswap "
        "train` trains a swap.",
        writes=(
            "`W/models/reenactment`: checkpoints, previews, history, options",
            "with `--identities`: `W/identities`, the aligned crops of many people",
            CONSENT,
        ),
        exit_codes={1: "the training cannot continue, for example because a loss is NaN after three rollbacks"},
        more="[Reenactment](../reenactment.md), [how to train without a system](train.md).",
    ),
    "convert": Note(
        example="faceswap convert A.mp4 --workspace W --out swapped.mp4",
        about="Swaps the faces of a video, an image, a folder of images or a webcam with a trained run. After it, the "
        "program says whether the result is a swap, and if not, why.",
        writes=(
            "the output; while it is not finished, chunks beside it, from which the same command continues",
            "`W/checks/NAME.worst.png`: the worst face that was found",
            "with `--mask-path`: a video or images of the mask",
            CREDENTIALS,
            CONSENT,
        ),
        more="[Conversion](../conversion.md), [detail](../detail.md), [faults by picture](../faults.md).",
    ),
    "reenact": Note(
        example='faceswap reenact PHOTO.jpg --driver B.mp4 --workspace W --out moved.mp4 --consent "Anna agreed"',
        about="The person of the photo moves like the face in the video. `--without-network` needs no training: the "
        "photo is only warped. `--bilayer-weights` uses published weights instead of a trained run; then, and without "
        "a network, no workspace is needed.",
        writes=(
            "the video, of the photo's size",
            "with `--save-motion`: the driver's motion as numbers (.npz), without any picture",
            CREDENTIALS,
            CONSENT,
        ),
        more="[Reenactment](../reenactment.md).",
    ),
    "express": Note(
        example='faceswap express PHOTO.jpg --expression smile --workspace W --out faces --consent "Anna agreed"',
        about="Gives the face another expression. With `--expression sliders` the options below say which. Without "
        "`--workspace`, it needs `--without-network` or `--bilayer-weights`.",
        writes=(
            "five images per photo in the output folder: source, hf, target, pred and cropped",
            CREDENTIALS,
            CONSENT,
        ),
        more="[Reenactment: your own photos](../reenactment.md#your-own-photos).",
    ),
    "export": Note(
        example="faceswap export --workspace W --out model.dfm\nfaceswap export --check model.dfm",
        about="The first line writes a model for DeepFaceLive and FaceFusion. The second checks such a file.",
        writes=("the `.dfm` or `.onnx` file, and a model card beside it; with `--check` nothing", CONSENT),
        exit_codes={1: "the export failed; with `--check`: the file breaks a rule, and a line says which"},
        more="[Live programs](../live.md).",
    ),
    "evaluate": Note(
        example="faceswap evaluate swapped.mp4 --original A.mp4 --identity B.mp4 --out report.html",
        about="Measures identity, expression, sharpness and flicker, each beside the value of a face that is only "
        "pasted.",
        writes=("the page, and the numbers in a `.json` file of the same name",),
        exit_codes={1: "the work failed; or a metric is worse than its limit in `--fail-under`"},
        more="[What the numbers mean](../evaluation.md), [how to evaluate a reenactment run](evaluate-reenactment.md).",
    ),
    "evaluate-reenactment": Note(
        example="faceswap evaluate --workspace W --out report.html",
        about="Measures a reenactment run on the part of the clips that was held out, beside methods without "
        "training. With a workspace instead of a video, `faceswap evaluate` means this command.",
        writes=("the page, a `.json` file with the numbers, and contact sheets as `.png` files beside it",),
        more="[Evaluation of a reenactment run](../evaluation.md#a-reenactment-run).",
    ),
    "compare": Note(
        example="faceswap compare one.json two.json --out comparison.html",
        about="Puts the reports of several swaps on one page.",
        writes=("the page",),
        more="[Evaluation](../evaluation.md).",
    ),
    "verify": Note(
        example="faceswap verify swapped.mp4",
        about="Prints what the file states about itself, and whether it has changed since it was signed.",
        writes=(NOTHING,),
        exit_codes={
            0: "intact, and signed by this computer",
            1: "anything else that can be judged: changed, signed elsewhere, not signed, no credentials",
            2: "the file does not exist or cannot be read",
        },
        more="[Responsible use: reading it back](../responsible-use.md#reading-it-back).",
    ),
    "swap-parts": Note(
        example="faceswap swap-parts --workspace W --person a --parts eyes mouth --out V",
        about="Makes a new faceset in which eyes and mouth of A's crops come from the most similar crop of B.",
        writes=("a faceset in the other workspace `V`; the first one stays as it is",),
        more="[Facesets](../facesets.md).",
    ),
    "pack": Note(
        example="faceswap pack --workspace W --person a",
        about="Puts crops, masks, manifest and consents into one file, without any loss. `--format deepfacelab` writes "
        "a faceset for DeepFaceLab instead.",
        writes=("`W/face_src.fspack` (or `face_dst.fspack`), or the file or folder of `--out`",),
        more="[Facesets: packs](../facesets.md), [DeepFaceLab](../deepfacelab.md).",
    ),
    "unpack": Note(
        example="faceswap unpack anna.fspack --workspace W --person a",
        about="Brings a pack back as a faceset; also reads DeepFaceLab's `faceset.pak` and folders of aligned faces.",
        writes=(
            "`W/face_src` or `W/face_dst`, and the masks; an earlier faceset is renamed, not removed",
            CONSENT,
        ),
        more="[Facesets: packs](../facesets.md), [DeepFaceLab](../deepfacelab.md).",
    ),
    "workspace": Note(
        example="faceswap workspace status --workspace W",
        about="Says what is in the workspace and what to do next. `init` creates one, `clear` empties it.",
        writes=(
            "`init`: folders, and a template of `consent.yaml`",
            "`status`: nothing",
            "`clear`: moves what the program made to `W/backups/DATE`; with `--no-backup` it is removed. Consents and "
            "videos stay",
        ),
        more="[Facesets: the workspace](../facesets.md).",
    ),
    "weights": Note(
        example="faceswap weights\nfaceswap weights fetch fan",
        about="The first line lists all files of pretrained weights. The second downloads one; no other command "
        "downloads anything.",
        writes=("with `fetch`: the file, where the program looks for it; its SHA-256 is checked",),
        exit_codes={1: "a file is damaged, or the download failed"},
        more="[Commercial use and licenses](../faq.md#may-i-use-it-commercially-who-owns-the-output).",
    ),
    "doctor": Note(
        example="faceswap doctor\nfaceswap doctor --benchmark",
        about="The first line lists packages, backend, devices and weights. The second measures how fast the machine "
        "is.",
        writes=("nothing; with `--benchmark --workspace DIR` a checkpoint in that folder, which is removed again",),
        exit_codes={1: "something that is needed is missing; with `--benchmark`: something could not be measured"},
        more="[Platforms](../platforms.md).",
    ),
}
"""The notes of every command, by its name."""

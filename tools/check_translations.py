"""Says which paragraphs of the translations are behind the English text.

python tools/check_translations.py              lists them; exits with 1 only if a file is malformed
python tools/check_translations.py --strict     exits with 1 also if a paragraph is behind
python tools/check_translations.py --write      updates the note at the top of each translation, and the translated
                                                notebooks in notebooks/translated
python tools/check_translations.py --todo ru    prints the missing paragraphs with their hashes, to be translated
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import translations  # noqa: E402  (from this checkout)


def main() -> int:
    """Checks the translations; returns the exit code."""
    parser = argparse.ArgumentParser(description="Say which paragraphs of the translations are behind.")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a paragraph is behind")
    parser.add_argument("--write", action="store_true", help="update the notes and the translated notebooks")
    parser.add_argument("--todo", choices=translations.LANGUAGES, help="print what is to be translated")
    options = parser.parse_args()
    behind = 0
    for path in translations.list_translations():
        try:
            translation = translations.read_translation(path)
        except translations.MalformedError as error:
            print(error, file=sys.stderr)
            return 1
        missing, left = translations.find_stale(translation, translations.read_english(translations.name_of(path)))
        behind += len(missing)
        if options.todo == translation.language:
            for paragraph in missing:
                print(f"<!-- en: {translations.hash_paragraph(paragraph)} -->\n{paragraph}\n")
        elif not options.todo:
            print(
                f"{path.name}: {len(translation.paragraphs)} paragraphs, {len(missing)} behind, {len(left)} left over"
            )
            for paragraph in missing:
                print(f"    behind: {' '.join(paragraph.split())[:90]}")
    if options.write:
        for path in translations.list_translations():
            _write(path, translations.update_note(path))
        for path, text in translations.build_notebooks().items():
            _write(path, text)
    return 1 if options.strict and behind else 0


def _write(path: pathlib.Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())

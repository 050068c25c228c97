"""Update the catalogues: new texts are added without a translation, and what is no longer said is removed."""

from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from bot.i18n.translations import LANGUAGES
from tests.i18n.extraction import LOCALES, collect_texts

# Without times and names of tools, so that a file changes only with its texts.
_HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plural_forms}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def update_catalogue(language: str, template: Catalog) -> bytes:
    """The language's catalogue as it is now, with the texts of the template."""
    path = LOCALES / f"{language}.po"
    known = read_po(BytesIO(path.read_bytes() if path.exists() else b""), locale=language)
    catalogue = Catalog(locale=language)
    for message in template:
        if message.id:
            before = known.get(message.id, message.context)
            catalogue.add(
                message.id,
                string=before.string if before else "",
                locations=message.locations,
                context=message.context,
            )
    file = BytesIO()
    write_po(file, catalogue, width=110, include_lineno=False, sort_output=True, omit_header=True)
    return _HEADER.format(language=language, plural_forms=catalogue.plural_forms).encode() + file.getvalue()


def main() -> None:
    template = collect_texts()
    for language in LANGUAGES:
        (LOCALES / f"{language}.po").write_bytes(update_catalogue(language, template))
        print(f"bot/i18n/locales/{language}.po has {len(template)} texts")


if __name__ == "__main__":
    main()

"""Translations of what people read: gettext catalogues in `locales/`, updated with `make translations`."""

"""Notices that a file the settings were read from has changed, and reads them all anew."""

from collections.abc import Mapping
from pathlib import Path

from consumer.settings.load import load_settings
from consumer.settings.model import Settings

_Seen = tuple[int, int, int] | None


class SettingsWatch:
    """The settings' files. Mounted Secrets are followed over the links that Kubernetes swaps."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._files = settings.files
        self._seen = self._looked = self._look()

    def changed(self) -> Settings | None:
        """The settings anew, where a file has changed since the last time; else None.

        A file wins over its variable here: it is the one that can change while the process runs.
        Raises SettingsError where the new ones can't be used (once for each change).
        """
        seen, before = self._look(), self._looked
        self._looked = seen
        # Unchanged for two looks: a file that is being written is left alone.
        if seen == self._seen or seen != before:
            return None
        # Noted before they are read: what changes meanwhile is seen the next time.
        self._seen = seen
        settings = load_settings(self._environ, files_win=True)
        if settings.files != self._files:
            self._files = settings.files
            self._seen = self._look()
        return settings

    def _look(self) -> tuple[_Seen, ...]:
        return tuple(_stat(path) for path in self._files)


def _stat(path: str) -> _Seen:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size

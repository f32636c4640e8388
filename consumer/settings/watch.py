"""Notices that a file the settings were read from has changed, and reads them all anew."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from consumer.settings.load import reload_settings
from consumer.settings.model import KafkaSettings, Settings
from consumer.settings.table import SETTINGS

_Seen = tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Changed:
    """The settings after a file changed: as they were, for the part that `problems` speak of."""

    settings: Settings
    problems: tuple[str, ...]


class SettingsWatch:
    """The settings' files. Mounted Secrets are followed over the links that Kubernetes swaps."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._settings = settings
        self._seen = self._looked = self._look()

    def changed(self) -> Changed | None:
        """The settings anew, where a file has changed since the last time; else None.

        A file wins over its variable here: it is the one that can change while the process runs.
        """
        seen, before = self._look(), self._looked
        self._looked = seen
        # Unchanged for two looks: a file that is being written is left alone.
        if seen == self._seen or seen != before:
            return None
        # Noted before they are read: what changes meanwhile is seen the next time.
        self._seen, files = seen, self._settings.files
        self._settings, problems = reload_settings(self._environ, self._settings)
        if self._settings.files != files:
            self._seen = self._look()
        return Changed(self._settings, problems)

    def _look(self) -> tuple[_Seen, ...]:
        return tuple(_stat(path) for path in self._settings.files)


def process_differences(running: Settings, changed: Settings) -> Iterator[str]:
    """The variables of the process's own settings, not of an account's, that differ."""
    for setting in SETTINGS:
        if setting.model is KafkaSettings:
            one, other = getattr(running.kafka, setting.field), getattr(changed.kafka, setting.field)
        elif setting.model is Settings:
            one, other = getattr(running, setting.field), getattr(changed, setting.field)
        else:
            continue
        if one != other:
            yield setting.variable


def _stat(path: str) -> _Seen:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    # The change time too: a file that could not be read may be given another mode.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size

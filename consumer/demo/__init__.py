"""The demo: an embedded broker, the emulator and the real consumer."""

"""An invented small site in the dump's own format, and a server that offers it as archive.org would."""

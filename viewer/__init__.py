"""Reviewing records one by one: `from viewer import Viewer`."""

from viewer.widget import Viewer as Viewer

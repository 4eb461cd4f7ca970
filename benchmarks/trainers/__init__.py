"""What each trainer learns from the formats that merge writes, with the settings that docs/training.md gives."""

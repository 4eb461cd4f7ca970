"""Fidelity: does the Markdown still mean what the HTML meant? README.md says how it judges."""

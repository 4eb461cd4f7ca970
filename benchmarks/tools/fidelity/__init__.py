"""Fidelity: does the Markdown still mean what the HTML meant? README.md tells how it judges."""

"""Other trainers' own data code on what the scripts write; each module names what it needs."""

"""The three systems; each module defines `SYSTEM`."""

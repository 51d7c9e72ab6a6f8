"""What everything else stands on: settings, clock, errors, keys. No network, no database, nothing of ours imported."""

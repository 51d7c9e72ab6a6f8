"""What Prometheus reads: targets, rules, objectives. `slo.yml` is written from `objectives.py`."""

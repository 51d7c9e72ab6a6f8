"""The dashboard that Grafana imports: `porchlight.json` is written from `dashboard.py`."""

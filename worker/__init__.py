"""Runs the jobs that services enqueue: the claim loop, the table of tasks, the schedule."""

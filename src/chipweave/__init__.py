"""Schedules AI models on multi-chiplet packages, and shows how good the schedule is."""

"""Scheduling: resources, templates, appointments and the flow board."""

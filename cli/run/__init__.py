"""`lakeferry run`: a run watched, on a lake of this machine or in AWS."""

from cli.run.command import declare as declare

"""Events come in here: the endpoints that SDKs talk to."""

from hedgerow.capture.app import CaptureApp, CaptureOptions
from hedgerow.capture.projects import CachedProjects, Project, Projects

__all__ = ["CachedProjects", "CaptureApp", "CaptureOptions", "Project", "Projects"]

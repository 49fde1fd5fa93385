"""Events come in here: the endpoints that SDKs talk to."""

from hedgerow.capture.app import CaptureApp
from hedgerow.capture.intake import CaptureOptions
from hedgerow.capture.limits import DiskGate
from hedgerow.capture.projects import CachedProjects, Project, Projects
from hedgerow.capture.trail import Trail

__all__ = ["CachedProjects", "CaptureApp", "CaptureOptions", "DiskGate", "Project", "Projects", "Trail"]

"""Where these tests have what they touch on a machine."""

FOLDER = "/srv/acked"

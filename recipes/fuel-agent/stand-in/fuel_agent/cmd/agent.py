"""The programs that the real package installs; these only say what they are."""


def _say(name):
    # Python 2 and 3 both print one string so.
    print("%s: a stand-in, it does nothing" % name)
    return 0


def build_image():
    return _say("fa_build_image")


def provision():
    return _say("provision")

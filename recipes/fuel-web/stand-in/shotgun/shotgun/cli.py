def main():
    print("shotgun: a stand-in, it does nothing")
    return 0

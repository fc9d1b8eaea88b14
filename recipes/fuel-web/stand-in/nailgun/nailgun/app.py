def main():
    print("nailgund: a stand-in, it does nothing")
    return 0

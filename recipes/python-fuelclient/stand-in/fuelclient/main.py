def main():
    print("fuel2: a stand-in, it does nothing")
    return 0

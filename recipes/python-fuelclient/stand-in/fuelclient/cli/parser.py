def main():
    print("fuel: a stand-in, it does nothing")
    return 0

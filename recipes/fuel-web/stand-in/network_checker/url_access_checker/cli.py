def main():
    print("urlaccesscheck: a stand-in, it does nothing")
    return 0

def main():
    print("fuel-netcheck: a stand-in, it does nothing")
    return 0

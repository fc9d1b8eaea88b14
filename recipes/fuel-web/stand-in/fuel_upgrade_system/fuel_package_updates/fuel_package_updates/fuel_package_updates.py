def main():
    print("fuel-package-updates: a stand-in, it does nothing")
    return 0

def main():
    print("dhcpcheck: a stand-in, it does nothing")
    return 0

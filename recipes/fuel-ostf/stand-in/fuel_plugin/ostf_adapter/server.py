def main():
    print("ostf-server: a stand-in, it does nothing")
    return 0

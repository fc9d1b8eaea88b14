def main():
    print("fuelmenu: a stand-in, it does nothing")
    return 0

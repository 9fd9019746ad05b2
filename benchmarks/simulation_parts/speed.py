def tables(files):
    return {}

"""The ground floor, which every other room may use: the record and the files it is read from and written to, errors,
the run of a script, worker processes, licences and conditions. It uses no other room.
"""

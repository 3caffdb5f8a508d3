import os
import time

try:
    while True:
        os.fork()
except OSError as error:
    print(error, flush=True)
    time.sleep(1)
    os._exit(1)

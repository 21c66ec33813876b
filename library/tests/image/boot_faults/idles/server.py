"""Never comes to the point of serving."""

import time

time.sleep(600)

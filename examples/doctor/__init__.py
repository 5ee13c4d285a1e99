"""What training_doctor.py trains and measures: healthy.py and broken.py have the trainings, measure.py the table."""

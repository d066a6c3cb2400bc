"""What detection needs beside the task itself."""

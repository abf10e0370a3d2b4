// The first source file replaces this one.
